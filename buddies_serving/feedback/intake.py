"""The way in of checked feedback: made durable, then remembered; its sender is told where that cannot be."""

from buddies_serving.errors import FeedbackRefusedError, FeedbackUnavailableError
from buddies_serving.feedback.writer import FeedbackWriter
from buddies_serving.http.metrics import Metrics
from buddies_serving.http.problems import Problem, unavailable
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.types.feedback import Record


async def take_in(writer: FeedbackWriter, metrics: Metrics, remembered: Remembered, *records: Record) -> None:
    """Makes the records durable, and remembers them; Problem 503 or 422 where that cannot be."""
    try:
        await writer.submit(*records)
    except FeedbackUnavailableError as error:
        metrics.refuse("unavailable")
        raise unavailable(f"The feedback was not stored: {error.reason}. Send it again.", error.retry_after) from error
    except FeedbackRefusedError as error:
        metrics.refuse("refused")
        raise Problem(422, f"The feedback was not stored: {error}.") from error
    remembered.load(record.deed for record in records)
