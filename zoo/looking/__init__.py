"""What a person looks at: pictures, tables, the report, a run while it goes on, MLflow's views. Reads the files of runs, never a game."""
