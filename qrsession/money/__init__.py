"""Money: budgets, what was spent and idle, estimates, modes, and how to go on after an end."""
