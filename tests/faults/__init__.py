"""Schedules of programs and faults, repeated by seed and judged by an oracle of their own."""
