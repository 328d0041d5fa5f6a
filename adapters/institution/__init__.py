"""The institutions that receive, asked and told by signed webhooks."""
