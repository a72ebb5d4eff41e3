"""The bell's page: what people should know without looking for it."""
