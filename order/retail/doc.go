// Package retail brings orders in the CSV layout of the "Online Retail" data set to the order service.
//
// Rows that share an InvoiceNo, wherever they stand in the files of an import, are one order, which is sent when the
// last of them is read. The first row gives an order's time, customer and country; every row is a line of it:
//
//	InvoiceNo    reference, of the source online-retail; the idempotency key is online-retail/<InvoiceNo>
//	StockCode    sku
//	Description  description; may be empty
//	Quantity     quantity
//	InvoiceDate  placed_at; London local time, see [Read]
//	UnitPrice    unit_price; pounds with up to two decimals; Price in Online Retail II
//	CustomerID   customer_id; 17850.0 is 17850, empty is a guest
//	Country      metadata.country; left out when empty
//
// A file may be UTF-8, UTF-16 or Windows-1252, with commas, semicolons or tabs between the columns, decimal commas, and
// dates as in Britain or America: see [Dialect]. Words such as nan and NULL stand for an empty cell.
//
// An invoice is imported whole or rejected whole. The package checks what it needs to read a row; the limits of an
// order are the service's to check, and an invoice that the service refuses is a reject like any other.
package retail
