"""Questions about the origin of artifacts: impact, ways, recipes, differences, staleness."""
