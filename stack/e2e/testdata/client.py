"""What a shop does in Python: client.py ORDER_URL ACTIVITY_URL ORDER_KEY ACTIVITY_KEY.

The packages order_client and activity_client are what openapi-python-client makes of the services' OpenAPI documents.
"""

import sys
import time
import uuid
from datetime import timezone

import activity_client
import order_client
from activity_client.api.default import list_order_created_days
from order_client.api.default import cancel_order, get_order, list_orders, place_order
from order_client.models import DraftLine, OrderCancellation, OrderDraft, PlacedOrder, Problem


def main(order_url, activity_url, order_key, activity_key):
    shop = order_client.AuthenticatedClient(base_url=order_url, token=order_key)
    draft = OrderDraft(currency="EUR", reference="python", lines=[DraftLine(sku="mug", quantity=2, unit_price=1250)])
    key = str(uuid.uuid4())
    placed = place_order.sync(client=shop, body=draft, idempotency_key=key)
    assert isinstance(placed, PlacedOrder) and placed.total == 2500, placed
    again = place_order.sync_detailed(client=shop, body=draft, idempotency_key=key)
    assert again.parsed.id == placed.id and again.headers["Idempotent-Replayed"] == "true", again

    shown = get_order.sync(placed.id, client=shop)
    assert shown.reference == "python" and shown.lines[0].sku == "mug", shown
    page = list_orders.sync(client=shop, reference="python")
    assert [o.id for o in page.orders] == [placed.id], page

    refused = place_order.sync(client=shop, body=OrderDraft(currency="euro", lines=draft.lines))
    assert isinstance(refused, Problem) and refused.errors[0].pointer == "/currency", refused

    cancelled = cancel_order.sync(placed.id, client=shop, body=OrderCancellation(reason="ordered twice"))
    assert cancelled.status == "cancelled", cancelled

    business = activity_client.AuthenticatedClient(base_url=activity_url, token=activity_key)
    placed_on = placed.placed_at.astimezone(timezone.utc).date()
    deadline = time.monotonic() + 60
    while True:
        days = list_order_created_days.sync(client=business, from_=placed_on, to=placed_on).days
        if days[0].count == 1:
            break
        assert time.monotonic() < deadline, days
        time.sleep(0.05)
    assert days[0].revenue["EUR"] == 2500, days
    print(placed.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
