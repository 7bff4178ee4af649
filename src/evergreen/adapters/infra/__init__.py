"""What runs beside us: processes, servers, accounts, buckets, webhooks."""
