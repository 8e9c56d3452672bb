"""A map of the world as SVG, for reports and pages: no network, no script."""

from bailiwick.maps.world import Shade, source, world_map

__all__ = ["Shade", "source", "world_map"]
