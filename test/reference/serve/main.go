// Command serve runs the reference forwarder: WHIP at /whip/{name}, WHEP at
// /whep/{name}, media on one UDP port of the same address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"rostrum/test/reference"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:7090", "address for HTTP")
	media := flag.String("media", "127.0.0.1:7091", "UDP address for media; empty takes a port for each peer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *listen, *media); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, listen, media string) error {
	var conn net.PacketConn
	if media != "" {
		addr, err := net.ResolveUDPAddr("udp4", media)
		if err != nil {
			return err
		}
		udp, err := net.ListenUDP("udp4", addr)
		if err != nil {
			return err
		}
		// As every such server should: a burst of many viewers' packets is more than
		// the default holds. The kernel may give less.
		_ = errors.Join(udp.SetReadBuffer(8<<20), udp.SetWriteBuffer(8<<20))
		conn = udp
	}
	f, err := reference.New(conn)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("reference forwarder: http://%s/whip/{name} and /whep/{name}\n", l.Addr())
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return f.Close()
}
