"""Questions that follow what derives from what: impact, ways, recipes, differences, staleness."""
