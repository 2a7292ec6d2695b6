"""What is so at the end of each lesson, and answers to its exercises that are wrong."""

# An expression that is looked at after the last cell of the lesson, and what it gives.
LESSON_FACTS: dict[str, tuple[str, list[object]]] = {}

# For each exercise of a lesson, in order, what a learner might write in the place of `answer = ...`, and
# which is refused in words. None is tried with each, too.
WRONG_ANSWERS: dict[str, list[list[str]]] = {}
