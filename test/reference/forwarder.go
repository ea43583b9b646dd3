// Package reference is the plain way to build a forwarder on pion/webrtc: one
// PeerConnection a peer with the default interceptors, and one TrackLocalStaticRTP
// a track that all viewers share. It stands for what most Go servers cost, and is
// measured beside Rostrum. It knows no stage, token or layer choice: one stream
// a name, first come, first served; of simulcast it forwards the first layer.
package reference

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// Forwarder answers WHIP at POST /whip/{name} and WHEP at POST /whep/{name}.
type Forwarder struct {
	api *webrtc.API
	mux *http.ServeMux

	mu      sync.Mutex // guards what follows
	streams map[string]*stream
	peers   map[string]*webrtc.PeerConnection // by resource path
	count   int
}

// stream is what one publisher sends.
type stream struct {
	publisher *webrtc.PeerConnection
	tracks    map[webrtc.RTPCodecType]*webrtc.TrackLocalStaticRTP
	ssrc      uint32 // of the picture
}

// New makes a forwarder with all media on one UDP socket, or, if that is nil, on
// a port for each peer.
func New(media net.PacketConn) (*Forwarder, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if media != nil {
		settings.SetICEUDPMux(webrtc.NewICEUDPMux(nil, media))
	}
	f := &Forwarder{
		api:     webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)),
		mux:     http.NewServeMux(),
		streams: map[string]*stream{},
		peers:   map[string]*webrtc.PeerConnection{},
	}
	f.mux.HandleFunc("POST /whip/{name}", f.handle(f.publish))
	f.mux.HandleFunc("POST /whep/{name}", f.handle(f.view))
	f.mux.HandleFunc("DELETE /peers/{id}", f.delete)
	return f, nil
}

func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// Close ends all peers.
func (f *Forwarder) Close() error {
	f.mu.Lock()
	peers := f.peers
	f.peers, f.streams = map[string]*webrtc.PeerConnection{}, map[string]*stream{}
	f.mu.Unlock()
	var errs []error
	for _, pc := range peers {
		errs = append(errs, pc.Close())
	}
	return errors.Join(errs...)
}

type refusal struct {
	status int
	why    string
}

func (r refusal) Error() string { return r.why }

// handle answers an offer: prepare adds tracks to the new peer.
func (f *Forwarder) handle(prepare func(*webrtc.PeerConnection, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		pc, err := f.api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer, err := f.answer(pc, string(offer), r.PathValue("name"), prepare)
		if err != nil {
			_ = pc.Close() // it carried nothing yet
			status := http.StatusBadRequest
			if refused, ok := errors.AsType[refusal](err); ok {
				status = refused.status
			}
			http.Error(w, err.Error(), status)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", f.register(pc))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer) // who hung up loses its answer
	}
}

func (f *Forwarder) answer(pc *webrtc.PeerConnection, offer, name string, prepare func(*webrtc.PeerConnection, string) error) (string, error) {
	if err := prepare(pc, name); err != nil {
		return "", err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// register names the peer's resource and forgets it when the peer is gone.
func (f *Forwarder) register(pc *webrtc.PeerConnection) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	path := fmt.Sprintf("/peers/%d", f.count)
	f.peers[path] = pc
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			f.end(path)
		}
	})
	return path
}

func (f *Forwarder) delete(w http.ResponseWriter, r *http.Request) {
	if !f.end(r.URL.Path) {
		http.NotFound(w, r)
	}
}

func (f *Forwarder) end(path string) bool {
	f.mu.Lock()
	pc, ok := f.peers[path]
	delete(f.peers, path)
	for name, s := range f.streams {
		if s.publisher == pc {
			delete(f.streams, name)
		}
	}
	f.mu.Unlock()
	if ok {
		go pc.Close() // not under the callback of the peer itself
	}
	return ok
}

func (f *Forwarder) publish(pc *webrtc.PeerConnection, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams[name] != nil {
		return refusal{http.StatusConflict, "somebody publishes there"}
	}
	f.streams[name] = &stream{publisher: pc, tracks: map[webrtc.RTPCodecType]*webrtc.TrackLocalStaticRTP{}}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { f.forward(name, pc, t) })
	return nil
}

// forward copies a publisher's packets to all viewers' tracks until it ends.
func (f *Forwarder) forward(name string, pc *webrtc.PeerConnection, from *webrtc.TrackRemote) {
	to, err := webrtc.NewTrackLocalStaticRTP(from.Codec().RTPCodecCapability, from.Kind().String(), name)
	if err != nil {
		return
	}
	f.mu.Lock()
	s := f.streams[name]
	if s == nil || s.publisher != pc || s.tracks[from.Kind()] != nil {
		f.mu.Unlock()
		return
	}
	s.tracks[from.Kind()] = to
	if from.Kind() == webrtc.RTPCodecTypeVideo {
		s.ssrc = uint32(from.SSRC())
	}
	f.mu.Unlock()
	buf := make([]byte, 1500)
	for {
		n, _, err := from.Read(buf)
		if err != nil {
			return
		}
		_, _ = to.Write(buf[:n]) // one viewer's trouble isn't the others'
	}
}

func (f *Forwarder) view(pc *webrtc.PeerConnection, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.streams[name]
	if s == nil || len(s.tracks) == 0 {
		return refusal{http.StatusNotFound, "nobody publishes there"}
	}
	for _, t := range s.tracks {
		sender, err := pc.AddTrack(t)
		if err != nil {
			return err
		}
		go f.relayFeedback(sender, s)
	}
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		if state == webrtc.ICEConnectionStateConnected {
			f.askKeyframe(s)
		}
	})
	return nil
}

// relayFeedback asks the publisher for what a viewer asks; Pion's interceptors,
// which need the packets to be read, do the rest.
func (f *Forwarder) relayFeedback(sender *webrtc.RTPSender, s *stream) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				f.askKeyframe(s)
			}
		}
	}
}

func (f *Forwarder) askKeyframe(s *stream) {
	f.mu.Lock()
	ssrc := s.ssrc
	f.mu.Unlock()
	// The next viewer asks again if this one is lost.
	_ = s.publisher.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
}
