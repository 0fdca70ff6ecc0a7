"""The parts of a session that stand between the rooms, and how all of its parts are joined."""
