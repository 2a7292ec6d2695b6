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
    "07_idempotency": (
        "[run.state, [e.node for e in run.events if e.state == 'ROLLED_BACK' and e.node], "
        "run.ledger.clean, run.world.same, len(run.fired), balance()]",
        ["ROLLED_BACK", ["pay", "seat"], True, True, 3, 1000],
    ),
    "08_commutativity": (
        "[run.state, dict(run.states), free(hotel), "
        "hotel.execute('SELECT count(*) FROM cancelled').fetchone()[0], "
        "[free_after(remembering, wishes) for wishes in cases]]",
        ["ROLLED_BACK", {"room": "ROLLED_BACK", "pay": "ABANDONED"}, 8, 1, [8, 8, 8, 8, 8]],
    ),
    "09_pivot": (
        "[run.state, dict(run.states), [str(e) for e in run.events if e.node == 'room'], "
        "world()['mails'], world()['rooms'], sorted(incomplete)]",
        [
            "SUCCEEDED",
            {"seat": "SUCCEEDED", "room": "SUCCEEDED", "pay": "SUCCEEDED"},
            [
                *["room RUNNING", "room SUCCEEDED", "room ROLLING_BACK", "room ROLLED_BACK"],
                *["room RUNNING", "room SUCCEEDED"],
            ],
            ["Bob", "Cleo"],
            ["Bob", "Cleo", "Dan"],
            ["mail"],
        ],
    ),
    "10_retry_then_undo": (
        "[{name: run.state for name, run in runs.items()}, calls('Cleo'), calls('poor Dan'), "
        "calls('poor Eve'), calls('Fay'), len(calls('Ida')), "
        "[e.node for e in runs['at once'].events if e.state == 'ROLLED_BACK']]",
        [
            {"at once": "ROLLED_BACK", "twice more": "ROLLED_BACK", "four times more": "SUCCEEDED"},
            ["not reached"] * 4,
            ["declined"] * 4,
            ["declined"],
            ["paid", "paid"],
            12,
            ["pay", "seat", None],
        ],
    ),
    "11_dirty_read": (
        "[ann.state, bob.state, sorted(truth), "
        "airline.execute('SELECT * FROM pending').fetchall(), account()]",
        ["SUCCEEDED", "SUCCEEDED", ["reward", "room"], [], [800, 2]],
    ),
    "12_wrong_rollback": (
        "[[entry.key for entry in run.ledger.entries if entry.kind == 'undone'], dict(run.states), "
        "as_py_daga('seat'), backwards('room'), "
        "sorted((await sweep(good, reset=fresh, observe=world)).counts.items())]",
        [
            ["room", "room", "car", "insurance"],
            {
                "seat": "ROLLED_BACK",
                "room": "ROLLED_BACK",
                "car": "ROLLED_BACK",
                "insurance": "ABANDONED",
            },
            ["seat", "seat", "room", "car", "insurance"],
            ["room", "car", "seat"],
            [["rollback incomplete", 4], ["rolled back", 9], ["succeeded", 1]],
        ],
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
    "07_idempotency": [
        ["answer = {'b', 'd'}", "answer = {'b', 'd', 'e', 'f'}"],
        ["answer = 1000", "answer = 160"],
        [
            "answer = reward",
            "async def answer(results, context):\n"
            "    miles.execute('INSERT INTO miles VALUES (?, 500)', [context.run_id])",
            "async def answer(results, context):\n"
            "    miles.execute('DELETE FROM miles')\n"
            "    miles.execute('INSERT INTO miles VALUES (?, 500)', [context.run_id])",
        ],
        [
            "async def answer(results, context):\n    move(420)",
            "async def answer(results, context):\n"
            "    if bank.execute('SELECT 1 FROM book WHERE trip = ?', [context.run_id]).fetchone():\n"
            "        move(420)",
            "async def answer(results, context):\n    order(context.key, context.run_id, 420)",
        ],
    ],
    "08_commutativity": [
        ["answer = ['book', 'cancel', 'cancel']", "answer = ['cancel', 'book', 'cancel']"],
        ["answer = 7", "answer = 9"],
        ["answer = {'a', 'b', 'd', 'f'}", "answer = {'a', 'f'}"],
        [
            "answer = counting",
            "def answer(db, wish, trip):\n"
            "    if wish == 'cancel' and db.execute('DELETE FROM seats WHERE trip = ?', [trip]).rowcount:\n"
            "        db.execute('UPDATE stock SET free = free + 1')\n"
            "    elif wish == 'book' and not db.execute('SELECT 1 FROM seats').fetchone():\n"
            "        db.execute('INSERT INTO seats VALUES (?)', [trip])\n"
            "        db.execute('UPDATE stock SET free = free - 1')",
        ],
    ],
    "09_pivot": [
        ["answer = {'issue'}", "answer = {'seat', 'room', 'pay', 'issue', 'mail'}"],
        ["answer = 1", "answer = 2"],
        [
            "answer = list(early.dag.edges)",
            "answer = [(seat, pay), (room, pay), (pay, mail_surely), (mail_surely, issue_now)]",
            "answer = [(seat, pay), (pay, issue_now), (pay, room), (room, mail_surely), "
            "(issue_now, mail_surely)]",
            "answer = [(seat, issue_now), (pay, issue_now), (issue_now, room), (room, mail_surely)]",
        ],
    ],
    "10_retry_then_undo": [
        ["answer = 10", "answer = 16.5"],
        ["answer = 9", "answer = 6"],
        [
            "answer = Retries(3, wait=0.01)",
            "answer = Retries(2, wait=0.01, on=ConnectionError)",
            "answer = Retries(3, wait=0.05, on=ConnectionError)",
            "answer = Retries(3, wait=0.01, factor=1, on=ConnectionError)",
            "answer = 3",
        ],
        [
            "answer = safe",
            "answer = safe.with_policy(rollback_retries=1)",
            "answer = safe.with_policy(retries=3)",
            "answer = safe.with_policy(on_rollback_error='stop')",
        ],
    ],
    "11_dirty_read": [
        ["answer = {'reward'}", "answer = {'seat', 'reward', 'room'}"],
        [
            "answer = [(seat, room), (room, reward), (reward, pay)]",
            "answer = [(seat, room), (room, reward), (room, pay)]",
            "answer = [(seat, room), (room, pay), (seat, reward)]",
        ],
        [
            "answer = upgrade_if_still_there",
            "async def answer(results):\n"
            "    airline.execute('UPDATE account SET balance = balance - 400, version = version + 1')",
            "async def answer(results):\n"
            "    found = airline.execute(\n"
            "        'UPDATE account SET balance = balance - 400, version = version + 1 WHERE balance = ?',\n"
            "        results[0][:1],\n"
            "    )\n"
            "    if results[0][0] < 400 or not found.rowcount:\n"
            "        raise ValueError('no')",
            "async def answer(results):\n"
            "    found = airline.execute(\n"
            "        'UPDATE account SET balance = balance - 400 WHERE version = ? AND balance > 400',\n"
            "        results[0][1:],\n"
            "    )\n"
            "    if not found.rowcount:\n"
            "        raise ValueError('no')",
        ],
    ],
    "12_wrong_rollback": [
        ["answer = ['car', 'car', 'insurance']", "answer = ['car', 'room', 'seat']"],
        ["answer = set()", "answer = {'room', 'car', 'insurance'}", "answer = {'seat'}"],
        [
            "answer = as_py_daga",
            "answer = of_the_colleague",
            "def answer(failed):\n    return [failed, *of_the_colleague(failed)]",
            "def answer(failed):\n    return [failed, *reversed(BATCHES[0]), failed]",
            "def answer(failed):\n"
            "    return [one for batch in BATCHES[: batch_of(failed) + 1] for one in batch]",
            "def answer(failed):\n    return [one for batch in reversed(BATCHES) for one in batch]",
        ],
        [
            "answer = give_back",
            "async def answer(results, context):\n"
            "    if context.has_effect('booked', 'bicycle of Ann'):\n"
            "        context.undo_effect('booked', 'bicycle of Ann')\n"
            "        context.undo_effect('booked', 'bicycle of Bob')",
            "async def answer(results, context):\n"
            "    agency.execute(\"UPDATE places SET free = free + 2 WHERE what = 'car'\")\n"
            "    context.undo_effect('booked', 'bicycle of Ann')\n"
            "    context.undo_effect('booked', 'bicycle of Bob')",
        ],
    ],
}
