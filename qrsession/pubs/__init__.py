"""What a job measures of circuits, as plain numbers: values, observables, captions."""
