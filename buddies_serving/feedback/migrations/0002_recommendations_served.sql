-- How many lists were served, by day (UTC), version and arm: the denominator of likes per recommendation.
CREATE TABLE feedback.recommendations_served (
    day             date NOT NULL,
    model_version   text NOT NULL,
    arm             text NOT NULL CHECK (arm IN ('champion', 'challenger')),
    recommendations bigint NOT NULL CHECK (recommendations >= 0),
    PRIMARY KEY (day, model_version, arm)
);
