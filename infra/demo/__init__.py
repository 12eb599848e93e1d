"""`dossier demo`: a seeded simulation of the province's appraisals: real criteria and units, simulated figures."""
