"""What a debugger does with a saga, as dicts and sets: the reference for mixed commands.

It shares no code with the engine.
Batches only; every action has a rollback. Calls are told batch by batch: ("do" or "undo", names), in order.
"""


class Debugged:
    def __init__(self, parents, *, stop, textbook, pause):
        self.parents, self.stop, self.textbook, self.pause = parents, stop, textbook, pause
        self.depths = {}
        for name in parents:
            self.depths[name] = max((self.depths[one] + 1 for one in parents[name]), default=0)
        self.states = dict.fromkeys(parents, "PENDING")
        self.run = "READY"
        self.fails, self.undo_fails = set(), set()
        self.inherited, self.skipped, self.doubtful = set(), set(), set()
        self.breaks, self.passed, self.standing = set(), set(), set()
        self.undo_failed = self.cancelled = False
        self.calls = []

    def those(self, *words):
        return {name for name, state in self.states.items() if state in words}

    # ------------------------------------------------------------------ what comes next

    def owed(self):
        if self.textbook:  # what failed is not undone, if no call of it may have happened all the same
            certain = self.those("SUCCEEDED", "UNKNOWN") - self.skipped
            return (certain | (self.those("SUCCEEDED", "FAILED") & self.doubtful)) - self.inherited
        return self.those("SUCCEEDED", "FAILED", "UNKNOWN") - self.inherited

    def stuck(self):
        return self.stop and self.those("ROLLBACK_FAILED")

    def next(self):
        """(phase, names) of the batch that would start next, or None."""
        if self.run in ("READY", "RUNNING"):
            waiting = self.those("PENDING")
            if self.those("FAILED", "UNKNOWN") or not waiting:
                return None
            front = min(self.depths[name] for name in waiting)
            return "forward", {name for name in waiting if self.depths[name] == front}
        if self.run == "ROLLING_BACK" and self.owed() and not self.stuck():
            front = max(self.depths[name] for name in self.owed())
            return "rollback", {name for name in self.owed() if self.depths[name] == front}
        return None

    @property
    def paused_going_back(self):
        return self.undo_failed and self.pause and not self.cancelled and self.run == "ROLLING_BACK"

    def undecided(self):
        if self.run == "RUNNING" and self.pause:
            return self.those("FAILED", "UNKNOWN")
        return self.those("ROLLBACK_FAILED") if self.paused_going_back else set()

    # -------------------------------------------------------------------- moving

    def turn(self):
        for name in self.those("PENDING"):
            self.states[name] = "ABANDONED"
        self.run = "ROLLING_BACK"

    def rest(self):
        """What happens of itself when nothing runs."""
        if self.run == "RUNNING" and self.those("FAILED", "UNKNOWN") and not self.pause:
            self.turn()
        if self.run == "RUNNING" and not self.those("PENDING", "FAILED", "UNKNOWN"):
            self.run = "SUCCEEDED"
        held = self.paused_going_back
        if self.run == "ROLLING_BACK" and not held and (self.stuck() or not self.owed()):
            left = self.those("ROLLBACK_FAILED") or self.owed()
            self.run = "ROLLBACK_INCOMPLETE" if left else "ROLLED_BACK"

    def call(self, phase, names):
        self.calls.append(("do" if phase == "forward" else "undo", frozenset(names)))
        for name in names:
            if phase == "forward":
                self.run = "RUNNING"
                self.states[name] = "FAILED" if name in self.fails else "SUCCEEDED"
                self.doubtful -= {name} - self.fails
            else:
                self.states[name] = "ROLLBACK_FAILED" if name in self.undo_fails else "ROLLED_BACK"
        if phase == "rollback" and self.undo_fails & set(names):
            self.undo_failed = True

    # ------------------------------------------------------------------- commands

    def let_go(self):
        self.passed |= self.standing
        self.standing = set()
        self.undo_failed = False
        self.rest()

    def step(self):
        self.let_go()
        if self.next():
            self.call(*self.next())
            self.rest()

    def step_one(self, name):
        self.let_go()
        self.call(self.next()[0], {name})
        self.rest()

    def go(self, until=None):
        self.let_go()
        while self.next() and not self.paused_going_back:
            phase, names = self.next()
            here = {(name, phase) for name in names}
            self.standing = here & self.breaks - self.passed
            if self.standing or until in here:
                return
            self.call(phase, names)
            self.rest()

    def rollback(self):
        if self.run in ("READY", "RUNNING", "SUCCEEDED"):
            self.turn()
        elif self.run != "ROLLING_BACK":
            return
        self.go()

    def cancel(self):
        if self.run in ("SUCCEEDED", "ROLLED_BACK", "ROLLBACK_INCOMPLETE"):
            return
        self.cancelled = True
        if self.run != "ROLLING_BACK":
            self.turn()
        self.rest()
        while self.next():
            self.call(*self.next())
            self.rest()

    def failed(self):
        if self.run == "RUNNING":
            return self.those("FAILED", "UNKNOWN")
        if self.run in ("ROLLING_BACK", "ROLLBACK_INCOMPLETE"):
            return self.those("ROLLBACK_FAILED")
        return set()

    def retry(self, names):
        self.undo_failed = False
        phase = "forward" if self.run == "RUNNING" else "rollback"
        if phase == "rollback":
            self.run = "ROLLING_BACK"
        self.call(phase, names)
        self.rest()

    def skip(self, name):
        self.states[name] = "SUCCEEDED"
        self.skipped.add(name)
        if not self.those("PENDING", "FAILED", "UNKNOWN"):
            self.run = "SUCCEEDED"

    def die(self):
        """The process ends; what people had said of stopping goes with it."""
        self.breaks, self.passed, self.standing = set(), set(), set()
        self.undo_failed = self.cancelled = False

    def die_in_step(self):
        """The process ends while the next batch is being called; give its phase and its names."""
        self.let_go()
        coming = self.next()
        if coming:
            self.call(*coming)
        self.die()
        if coming and coming[0] == "forward":
            self.states.update(dict.fromkeys(coming[1], "UNKNOWN"))
            self.doubtful |= coming[1]
        elif coming:  # nobody knows of these rollbacks: they are called again, and that is the next step
            self.call(*coming)
            self.rest()
        return coming

    def fork(self, batch):
        other = Debugged(self.parents, stop=self.stop, textbook=self.textbook, pause=self.pause)
        other.fails, other.undo_fails = set(self.fails), set(self.undo_fails)
        other.inherited = {name for name in self.parents if self.depths[name] < batch - 1}
        other.states.update(dict.fromkeys(other.inherited, "SUCCEEDED"))
        return other
