-- One database for each of those that keep records.
create database evergreen;
create database prefect;
create database mlflow;
create database features;
