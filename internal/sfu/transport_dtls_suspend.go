package sfu

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/dtls/v4"
)

// serveDTLS reads until the connection is closed, or has nothing to do and is suspended. After
// the handshake all that may come is the end. A connection takes 40 KB with its goroutines, a
// suspended one less than 2.
func (t *Transport) serveDTLS(conn *dtls.Conn) {
	if !t.activateDTLS(conn) {
		conn.Close()
		return
	}
	buffer, silence := make([]byte, 256), t.core.cfg.suspendDTLSAfter
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silence)) // never fails
		_, err := conn.Read(buffer)                       // data channels are not offered: what arrives is ignored
		switch {
		case errors.Is(err, io.EOF):
			t.end(CausePeerClosed, "", nil)
			return
		case t.peerKeyed.Load() && t.holdIfSilent(silence):
			t.suspendDTLS(conn)
			return
		}
	}
}

// holdIfSilent reports whether no datagram came for so long. Then those that come next wait: a
// connection that is being suspended would lose them.
func (t *Transport) holdIfSilent(silence time.Duration) bool {
	t.dtlsConn.hold(true)
	if t.dtlsConn.silentFor(silence) {
		return true
	}
	t.dtlsConn.hold(false)
	return false
}

// repeatACK is called for each datagram. A client of DTLS 1.3 repeats its Finished until it is
// acknowledged. A suspended connection has not the keys of its epoch, so the latest
// acknowledgement is sent again: it is for the same message.
func (t *Transport) repeatACK(s *shard, b []byte, via *route) {
	if b[0]&encryptedEpoch != encryptedRecord|2 || via == nil {
		return
	}
	t.dtlsMu.Lock()
	suspended := t.dtlsSuspended != nil
	t.dtlsMu.Unlock()
	if ack := t.ack.Load(); ack != nil && suspended {
		via.send(s.socket, *ack, len(*ack))
	}
}

// activateDTLS makes conn the connection that is closed at the end. It reports false after the
// end.
func (t *Transport) activateDTLS(conn *dtls.Conn) bool {
	t.dtlsMu.Lock()
	defer t.dtlsMu.Unlock()
	if t.dtlsEnded {
		return false
	}
	t.dtlsActive = conn
	return true
}

// suspendDTLS replaces the connection by its state. The library lets a state be used once, so
// no nonce repeats.
func (t *Transport) suspendDTLS(conn *dtls.Conn) {
	if !t.deactivateDTLS() {
		return
	}
	state, err := conn.ExportState()
	if err != nil { // it was closed by the peer
		t.end(CausePeerClosed, "", nil)
		return
	}
	state.PeerCertificates = nil
	t.dtlsConn.reopen()
	if !t.storeSuspended(&state) {
		t.closeDTLS()
	} else if t.dtlsConn.waiting() > 0 {
		t.resumeDTLS()
	}
}

// deactivateDTLS reports false after the end, when the connection is being closed.
func (t *Transport) deactivateDTLS() bool {
	t.dtlsMu.Lock()
	defer t.dtlsMu.Unlock()
	t.dtlsActive = nil
	return !t.dtlsEnded
}

// storeSuspended reports false after the end.
func (t *Transport) storeSuspended(state *dtls.State) bool {
	t.dtlsMu.Lock()
	defer t.dtlsMu.Unlock()
	t.dtlsSuspended = state
	return !t.dtlsEnded
}

// takeSuspended returns the state of a suspended connection, nil if there is none.
func (t *Transport) takeSuspended() *dtls.State {
	t.dtlsMu.Lock()
	defer t.dtlsMu.Unlock()
	state := t.dtlsSuspended
	t.dtlsSuspended = nil
	return state
}

// resumeDTLS resumes a suspended connection, because a datagram has come for it.
func (t *Transport) resumeDTLS() {
	state := t.takeSuspended()
	if state == nil {
		return
	}
	t.core.wg.Add(1)
	go func() {
		defer t.core.wg.Done()
		defer t.recoverDTLS()
		conn, err := t.restoreDTLS(state)
		if err != nil {
			t.end(CauseFault, "", fmt.Errorf("resume DTLS: %w", err))
			return
		}
		t.serveDTLS(conn)
	}()
}

// restoreDTLS makes a connection of a state. It has the keys: Handshake sends nothing, and reads
// nothing. Until it returns, the library takes records without encryption, which anybody can
// send, for the peer's; so what has come is read afterwards.
func (t *Transport) restoreDTLS(state *dtls.State) (*dtls.Conn, error) {
	t.dtlsConn.hold(true)
	defer t.dtlsConn.hold(false)
	conn, err := dtls.Resume(state, t.dtlsConn, t.dtlsConn.RemoteAddr(), dtls.WithReceiveBufferSize(maxDTLSDatagram))
	if err != nil {
		return nil, err
	}
	if err := conn.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// closeDTLS sends close_notify, after the end.
func (t *Transport) closeDTLS() {
	t.dtlsMu.Lock()
	t.dtlsEnded = true
	conn, state := t.dtlsActive, t.dtlsSuspended
	t.dtlsSuspended = nil
	t.dtlsMu.Unlock()
	if conn == nil && state == nil {
		return
	}
	t.core.wg.Add(1)
	go func() {
		defer t.core.wg.Done()
		defer t.recoverDTLS()
		if conn == nil {
			var err error
			if conn, err = t.restoreDTLS(state); err != nil {
				return // the peer will see that nothing arrives
			}
		}
		conn.Close()
	}()
}
