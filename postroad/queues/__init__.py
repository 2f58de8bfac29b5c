"""What waits in the streams' queues, and why."""
