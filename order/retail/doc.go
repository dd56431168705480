// Package retail brings orders in the CSV layout of the "Online Retail" data set to the order service.
//
// Rows that share an InvoiceNo, wherever they stand in a file, are one order, and orders come in the order of their
// first rows. The first row gives an order's time, customer and country; every row is a line of it:
//
//	InvoiceNo    reference, and the idempotency key online-retail/<InvoiceNo>
//	StockCode    sku
//	Description  description; may be empty
//	Quantity     quantity
//	InvoiceDate  placed_at; London local time, see [Read]
//	UnitPrice    unit_price; pounds with up to two decimals
//	CustomerID   customer_id; 17850.0 is 17850, empty is a guest
//	Country      metadata.country; left out when empty
//
// An invoice is imported whole or rejected whole. The package checks what it needs to read a row; the limits of an order
// are the service's to check, and an invoice that the service refuses is a reject like any other.
package retail
