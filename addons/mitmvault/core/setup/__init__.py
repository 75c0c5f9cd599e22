"""Certificates, trust stores and services: what a machine is told once."""
