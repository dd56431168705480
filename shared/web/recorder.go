package web

import "net/http"

// recorder remembers the status of an answer. It hides the optional interfaces of the writer. Handlers flush and set
// deadlines with http.NewResponseController, which finds them by Unwrap.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
}

// newRecorder wraps w, unless it is a recorder already.
func newRecorder(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// record is newRecorder without memory of its own.
func (ex *exchange) record(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	ex.recorder.ResponseWriter = w
	return &ex.recorder
}

func (rec *recorder) WriteHeader(status int) {
	// other 1xx come before the answer
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return rec.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// FlushError sends the header if nothing was sent yet.
func (rec *recorder) FlushError() error {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return http.NewResponseController(rec.ResponseWriter).Flush()
}

func (rec *recorder) statusOrOK() int {
	if rec.status == 0 {
		return http.StatusOK // net/http's answer for a handler that wrote nothing
	}
	return rec.status
}
