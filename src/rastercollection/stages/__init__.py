"""The steps of a collection's job, one package a stage, all alike. No stage knows another;
what several do alike stands beside them: ``fan_in``, ``publishing``."""
