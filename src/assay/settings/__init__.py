"""Which adapters stand behind the ports, chosen in one place."""
