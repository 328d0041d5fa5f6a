"""Terraform, held: format, validity, its own tests, planted mistakes, plans, and what is generated from the code.

``make terraform-check`` runs all of it (`tests.terraform.check`, and by it this folder's tests); ``make test`` does so
where Terraform is installed.
"""
