from django.apps import AppConfig


class FactoryConfig(AppConfig):
    name = "factory"

    def ready(self) -> None:
        # Whoever sends a task needs the Celery application, not only the worker.
        import factory.celery  # noqa: F401
