package tracing

import "ordertally/shared/settings"

// Variables are the OpenTelemetry variables that matter here, to be printed and documented with the program's settings.
// All others that the libraries document work too.
func Variables() []settings.Variable {
	return []settings.Variable{
		{Env: "OTEL_EXPORTER_OTLP_ENDPOINT",
			Help: "Collector to send traces to, such as http://127.0.0.1:4318; without it no traces are made",
			URL:  true},
		{Env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
			Help: "The same for traces only, with the whole path, such as http://127.0.0.1:4318/v1/traces", URL: true},
		{Env: "OTEL_EXPORTER_OTLP_PROTOCOL", Help: "How to send: http/protobuf or grpc; the first without it"},
		{Env: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", Help: "The same for traces only"},
		{Env: "OTEL_EXPORTER_OTLP_HEADERS",
			Help: "Header fields to send to the collector, such as its API key: name=value,...", Secret: true},
		{Env: "OTEL_EXPORTER_OTLP_TRACES_HEADERS", Help: "The same for traces only", Secret: true},
		{Env: "OTEL_EXPORTER_OTLP_CERTIFICATE",
			Help: "File with the authorities (PEM) that the collector's certificate must come from; the system's " +
				"without it"},
		{Env: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", Help: "File with a certificate (PEM) to show to the collector"},
		{Env: "OTEL_EXPORTER_OTLP_CLIENT_KEY", Help: "File with the private key (PEM) of that certificate"},
		{Env: "OTEL_EXPORTER_OTLP_TIMEOUT",
			Help: "How long the collector may take for an answer, in milliseconds; 10000 without it"},
		{Env: "OTEL_TRACES_SAMPLER", Help: "Which traces are made, such as parentbased_traceidratio; those that the " +
			"caller samples, and all that begin here, without it"},
		{Env: "OTEL_TRACES_SAMPLER_ARG", Help: "Share of the traces that such a sampler makes, 0 to 1"},
		{Env: "OTEL_SERVICE_NAME", Help: "Name of the service in its traces; that of the program without it"},
		{Env: "OTEL_RESOURCE_ATTRIBUTES", Help: "What else traces say of the service: name=value,..."},
		{Env: "OTEL_TRACES_EXPORTER", Help: "otlp, or none, which makes no traces"},
		{Env: "OTEL_SDK_DISABLED", Help: "true makes no traces, whatever the others say"},
	}
}
