package server

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"time"
)

const plainHTTPAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This port speaks HTTPS, and the request came as plain HTTP: use an address that begins with https://\n"

// plainHTTPTimeout bounds the answer to a plain request and the rest of that.
const plainHTTPTimeout = time.Second

// answerPlainHTTP answers a client that failed the handshake because it speaks plain HTTP.
func answerPlainHTTP(handshake error) {
	e, ok := errors.AsType[tls.RecordHeaderError](handshake)
	if !ok || e.Conn == nil || !beginsHTTP(string(e.RecordHeader[:])) {
		return
	}
	_ = e.Conn.SetDeadline(time.Now().Add(plainHTTPTimeout))
	if _, err := io.WriteString(e.Conn, plainHTTPAnswer); err != nil {
		return
	}
	// Closing with unread data resets the connection, and the client might lose the answer.
	if half, ok := e.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(e.Conn, maxHeaderBytes))
}

// beginsHTTP reports whether a request of HTTP begins with five bytes.
func beginsHTTP(start string) bool {
	method, _, _ := strings.Cut(start, " ")
	for _, known := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PRI"} {
		if method == known || len(method) == len(start) && strings.HasPrefix(known, method) {
			return true
		}
	}
	return false
}
