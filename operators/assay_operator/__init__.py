"""The long-lived part in the cluster: what changes wakes a queue, and every wake-up observes, decides and acts anew."""
