"""What options ask to be done about noise: circuits in other forms that mean the same."""
