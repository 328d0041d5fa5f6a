"""The institutions that receive, asked and told by signed webhooks, or by signed messages over their brokers."""
