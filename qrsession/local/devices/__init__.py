"""The devices that are offered: the simulator, and twins made of snapshots."""
