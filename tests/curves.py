"""Which edges of a layout run behind a box that is neither of their ends."""

from daga_nb.render.layout import Layout

STEPS = 24


def hidden(layout: Layout) -> list[tuple[int, int, int]]:
    """Give (tail, head, node) for each edge that comes behind the box of a node, looking along its curve."""
    found = set()
    for edge in layout.edges:
        for start in range(0, len(edge.points) - 1, 3):
            xs, ys = zip(*edge.points[start : start + 4], strict=True)
            for step in range(STEPS + 1):
                t = step / STEPS
                weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
                x = sum(weight * one for weight, one in zip(weights, xs, strict=True))
                y = sum(weight * one for weight, one in zip(weights, ys, strict=True))
                for node, box in enumerate(layout.boxes):
                    in_x = box.x + 1 < x < box.x + box.width - 1
                    if in_x and box.y + 1 < y < box.y + box.height - 1 and node not in (edge.tail, edge.head):
                        found.add((edge.tail, edge.head, node))
    return sorted(found)
