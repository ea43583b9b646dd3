package rostrum.testing;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Checks the module. With ROSTRUM, the path of the program, it starts a process with the settings
 * of the container in place of a container.
 */
public final class Check {
  public static void main(String[] args) throws Exception {
    Path seed = Path.of("../seed.yaml").toAbsolutePath();
    String program = System.getenv("ROSTRUM");
    if (program == null) {
      try (RostrumContainer container = new RostrumContainer("rostrum:latest").withSeed(Files.readString(seed))) {
        container.start();
        check(container.endpoint(), container.banner());
      }
      return;
    }
    int port = RostrumContainer.freePort();
    ProcessBuilder builder = new ProcessBuilder(program, RostrumContainer.COMMAND[0], RostrumContainer.COMMAND[1]);
    builder.environment().putAll(RostrumContainer.environment(port, RostrumContainer.freePort(), seed.toString()));
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    try (var output = process.inputReader()) {
      check("http://127.0.0.1:" + port, RostrumContainer.readBanner(output.readLine()));
    } finally {
      process.destroy();
      process.waitFor();
    }
  }

  private static void check(String endpoint, String banner) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(endpoint + "/readyz")).build();
    int status = HttpClient.newHttpClient().send(request, BodyHandlers.discarding()).statusCode();
    if (status != 200 || !banner.contains("\"endpoint\":\"" + endpoint + "\"") || !banner.contains("\"seed\":{\"stages\":{\"lobby\":{\"arn\":\"arn:aws:ivs:")) {
      throw new AssertionError("readyz " + status + ", printed " + banner);
    }
    System.out.println("ok");
  }
}
