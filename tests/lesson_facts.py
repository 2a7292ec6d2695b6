"""What is so at the end of each lesson, and answers to its exercises that are wrong."""

# An expression that is looked at after the last cell of the lesson, and what it gives.
LESSON_FACTS: dict[str, tuple[str, list[object]]] = {
    "01_happy_path": (
        (
            "[run.state, dict(run.states), [list(batch) for batch in flow.start().batches], "
            "slow.outputs, eager.outputs, world()['tickets'][:3]]"
        ),
        [
            "ROLLBACK_INCOMPLETE",
            {"offer": "KEPT", "slow_seat": "KEPT", "room": "KEPT", "pay": "KEPT", "ticket": "FAILED"},
            [["offer"], ["seat", "room"], ["pay"], ["ticket"]],
            {"ticket": "Bob has a ticket for 12A"},
            {"ticket": "Cleo has a ticket for 12A"},
            [["Ann", "your seat: 12A"], ["Bob", "your seat: 12A"], ["Cleo", "your seat: 12A"]],
        ],
    ),
    "02_fail_at_each_node": (
        "[trial.state, [sorted(batch) for batch in unwound(trial)], run.state, world()]",
        [
            "ROLLED_BACK",
            [["ticket"], ["pay"], ["room", "seat"]],
            "ROLLED_BACK",
            {"seats": [], "rooms": [], "payments": [], "outbox": ["card for somebody else.txt"]},
        ],
    ),
    "03_siblings_finish_first": (
        ("[run.state, dict(run.states), sorted({row[0] for row in world()['journal']}), world()['rooms']]"),
        [
            "ROLLED_BACK",
            {
                "offer": "ROLLED_BACK",
                "seat": "ROLLED_BACK",
                "room": "ROLLED_BACK",
                "car": "ROLLED_BACK",
                "pay": "ROLLED_BACK",
            },
            ["Finn"],
            [],
        ],
    ),
    "04_the_failed_node": (
        (
            "[seen, textbook.policy.rollback_failed, flow.policy.rollback_failed, world(), "
            "[(row[0], row[1]) for row in bank.execute('SELECT what, euro FROM lines')]]"
        ),
        [
            {"SUCCEEDED": "Ann", "FAILED": None},
            False,
            True,
            {"rooms": [], "sales": [], "euro": {"Ann": 1000}},
            [["deposit", 1000], ["trip", -420], ["refund", 420]],
        ],
    ),
    "05_the_undo_that_fails": (
        ("[run.state, dict(run.states), [str(row.verdict) for row in run.ledger.rows], world()]"),
        [
            "ROLLED_BACK",
            {"seat": "ROLLED_BACK", "room": "ROLLED_BACK", "car": "ROLLED_BACK", "pay": "ROLLED_BACK"},
            ["undone", "left behind", "undone"],
            {"seats": [], "rooms": [], "cars": [], "payments": []},
        ],
    ),
    "06_the_lost_reply": (
        "[run.state, world(), flow.policy.rollback_failed, run.rollback_results['pay']]",
        ["ROLLED_BACK", {"rooms": {"Cleo": 1}, "euro": {}}, True, "refunded"],
    ),
}

# For each exercise of a lesson, in order, what a learner might write in the place of `answer = ...`, and
# which is refused in words. None is tried with each, too.
WRONG_ANSWERS: dict[str, list[list[str]]] = {
    "01_happy_path": [
        [
            "answer = 3",
            "answer = '4'",
        ],
        [
            "answer = {'offer', 'seat', 'slow_room'}",
            "answer = {'offer', 'seat', 'slow_room', 'transfer', 'pay'}",
        ],
        [
            (
                "answer = [(offer, seat), (offer, room), (offer, car), (seat, pay), (room, pay), "
                "(car, pay), (pay, ticket)]"
            ),
            (
                "answer = [(offer, seat), (offer, room), (room, car), (seat, pay), (room, pay), "
                "(car, pay), (pay, ticket)]"
            ),
            ("answer = [(offer, seat), (offer, room), (room, car), (seat, pay), (room, pay), (pay, ticket)]"),
            "answer = [(offer, seat), (offer, room), (seat, pay), (room, pay), (pay, ticket)]",
        ],
    ],
    "02_fail_at_each_node": [
        [
            "answer = [{'pay', 'car'}, {'seat', 'room'}]",
            "answer = [{'ticket'}, {'pay'}, {'car'}, {'seat', 'room'}]",
            "answer = [{'seat', 'room'}, {'pay', 'car'}, {'ticket'}]",
        ],
        [
            "answer = {'pay', 'ticket'}",
            "answer = {'room', 'pay', 'car', 'ticket'}",
        ],
        [
            "async def answer(results):\n    (OUTBOX / f'card for {results[0]}.txt').unlink()",
            "async def answer(results):\n    for path in OUTBOX.iterdir():\n        path.unlink()",
            "async def answer(results):\n    pass",
        ],
    ],
    "03_siblings_finish_first": [
        [
            "answer = {'rooms'}",
            "answer = {'seats', 'rooms', 'cars'}",
        ],
        [
            "answer = {**truth, 'room': 'FAILED'}",
            "answer = {**truth, 'car': 'ROLLED_BACK'}",
        ],
        [
            "answer = 0",
            "answer = 420",
        ],
        [
            "answer = cancel_car",
            "async def answer(results):\n    garage.execute('DELETE FROM cars')",
            ("async def answer(results):\n    garage.execute(\"DELETE FROM cars WHERE state = 'on hold'\")"),
        ],
    ],
    "04_the_failed_node": [
        [
            "answer = 0",
        ],
        [
            "answer = {'rooms': 0, 'euro': 1420}",
            "answer = {'rooms': 1, 'euro': 1000}",
            "answer = {'euro': 1000}",
        ],
        [
            "answer = refund",
            "async def answer(results):\n    books.execute('DELETE FROM sales')",
            (
                "async def answer(results, context):\n    if context.outcome == 'SUCCEEDED':\n        "
                "await refund(results)"
            ),
            (
                "async def answer(results):\n    sold = books.execute('DELETE FROM sales WHERE "
                "customer = ?', [results[0]])\n    if sold.rowcount:\n        bank.execute(\"INSERT "
                "INTO lines VALUES (?, 'refund', 420)\", [results[0]])"
            ),
        ],
    ],
    "05_the_undo_that_fails": [
        [
            "answer = {'cars'}",
            "answer = {'seats', 'rooms'}",
            "answer = {'seats', 'rooms', 'cars', 'payments'}",
        ],
        [
            "answer = 2",
            "answer = 4",
        ],
        [
            "answer = ['ROLLBACK_INCOMPLETE', 1]",
            "answer = ['ROLLED_BACK', 0]",
        ],
        [
            "answer = cancel_room",
            (
                "async def answer(results, context):\n    hotel.execute('DELETE FROM bookings')\n    "
                "context.undo_effect('room', 7)"
            ),
            (
                "async def answer(results):\n    hotel.execute('DELETE FROM bookings WHERE customer = "
                "?', [results[0]])"
            ),
            "async def answer(results, context):\n    context.undo_effect('room', 7)",
        ],
    ],
    "06_the_lost_reply": [
        [
            "answer = {'pay.after'}",
            "answer = {'room.after', 'pay.after', 'ticket.after'}",
            "answer = set()",
        ],
        [
            "answer = 3",
            "answer = 0",
            "answer = 1",
        ],
        [
            "answer = 2",
            "answer = 1",
        ],
        [
            "answer = cancel_room",
            (
                "async def answer(results, context):\n    hotel.execute('DELETE FROM rooms WHERE "
                "guest = ?', [results[0]])\n    context.undo_effect('room', 2)"
            ),
            (
                "async def answer(results, context):\n    hotel.execute('DELETE FROM rooms WHERE "
                "reference = ?', [context.run_id])"
            ),
        ],
    ],
}
