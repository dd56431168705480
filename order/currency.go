package order

import "strings"

// currencies are the active alphabetic codes of ISO 4217, including funds codes. The source is List One of its
// maintenance agency SIX, published on 2026-01-01. Entries whose minor unit is "N.A." (XAU, XDR, XTS, XXX and the like)
// are left out, because every amount here is in minor units.
const currencies = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
	"CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP " +
	"GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP " +
	"LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN " +
	"PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT " +
	"TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW " +
	"ZWG"

// ValidCurrency reports whether an order can have that currency: whether it is or was an ISO 4217 code with minor
// units.
func ValidCurrency(code string) bool { return isCurrency(code) }

// isCurrency reports whether code is or was a currency.
func isCurrency(code string) bool {
	_, was := withdrawn[code]
	return was || len(code) == 3 && !strings.Contains(code, " ") && strings.Contains(currencies, code)
}
