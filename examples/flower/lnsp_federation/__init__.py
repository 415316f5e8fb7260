"""Devices learn with liblnsp and share coded deltas through Flower."""
