"""Conversations that move no money: opened, answered, heard, sent (docs/conversations.md)."""
