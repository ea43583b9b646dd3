package rostrum.testing;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.SocketException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.InternetProtocol;
import org.testcontainers.containers.output.OutputFrame.OutputType;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.Transferable;
import org.testcontainers.utility.DockerImageName;

/** A Rostrum server for tests, in a container. */
public class RostrumContainer extends GenericContainer<RostrumContainer> {
  public static final String ACCESS_KEY = "ROSTRUMTEST";
  public static final String SECRET_KEY = "rostrum-test-secret";
  public static final String REGION = "us-east-1";

  static final String[] COMMAND = {"serve", "--json"};

  private final int port = freePort();
  private final int mediaPort = freePort();

  public RostrumContainer(String image) {
    super(DockerImageName.parse(image));
    withCommand(COMMAND).withEnv(environment(port, mediaPort, ""));
    addFixedExposedPort(port, port, InternetProtocol.TCP);
    addFixedExposedPort(mediaPort, mediaPort, InternetProtocol.TCP);
    addFixedExposedPort(mediaPort, mediaPort, InternetProtocol.UDP);
    waitingFor(Wait.forLogMessage(".*\"endpoint\".*\\n", 1).withStartupTimeout(Duration.ofMinutes(1)));
  }

  /** Has the server make what a seed says. */
  public RostrumContainer withSeed(String seed) {
    return withCopyToContainer(Transferable.of(seed), "/seed.yaml").withEnv("ROSTRUM_SEED", "/seed.yaml");
  }

  /** The URL for the AWS SDK: endpointOverride(URI.create(container.endpoint())). */
  public String endpoint() {
    return "http://127.0.0.1:" + port;
  }

  /** The JSON that the server printed once it was ready, with the seed as rostrum seed prints it. */
  public String banner() {
    return readBanner(getLogs(OutputType.STDOUT));
  }

  static String readBanner(String log) {
    return log.lines().filter(line -> line.startsWith("{") && line.endsWith("}")).findFirst().orElse("");
  }

  /** The settings of a server at given ports, the same inside and outside: tokens and candidates name them. */
  static Map<String, String> environment(int port, int mediaPort, String seed) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("ROSTRUM_EPHEMERAL", "true");
    all.put("ROSTRUM_LISTEN", "0.0.0.0:" + port);
    all.put("ROSTRUM_MEDIA_PORT", Integer.toString(mediaPort));
    all.put("ROSTRUM_PUBLIC_URL", "http://127.0.0.1:" + port);
    all.put("ROSTRUM_PUBLIC_IP", "127.0.0.1");
    all.put("ROSTRUM_RTMP_LISTEN", "127.0.0.1:0");
    all.put("ROSTRUM_INSECURE", "true"); // for a machine that nobody else reaches
    all.put("ROSTRUM_ACCESS_KEY", ACCESS_KEY);
    all.put("ROSTRUM_SECRET_KEY", SECRET_KEY);
    all.put("ROSTRUM_REGION", REGION);
    if (!seed.isEmpty()) {
      all.put("ROSTRUM_SEED", seed);
    }
    return all;
  }

  /** A port of this machine that is free by TCP and UDP. */
  static int freePort() {
    while (true) {
      try (ServerSocket tcp = new ServerSocket(0); DatagramSocket udp = new DatagramSocket(tcp.getLocalPort())) {
        return udp.getLocalPort();
      } catch (SocketException taken) {
        continue;
      } catch (IOException e) {
        throw new IllegalStateException("find a free port", e);
      }
    }
  }
}
