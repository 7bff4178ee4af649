"""One bar's life: delivered, validated, held or kept, repaired, restated."""
