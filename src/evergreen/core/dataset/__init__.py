"""From features and labels to a training set that cannot look ahead."""
