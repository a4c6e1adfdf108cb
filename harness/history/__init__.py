"""The history: one database of all runs, their series and the changes found in them."""
