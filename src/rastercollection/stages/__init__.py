"""The steps of a collection's job, one package a stage, all alike. No stage knows another."""
