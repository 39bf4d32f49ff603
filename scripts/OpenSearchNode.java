import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node for the tests of sinks. Arguments: its folder and its port on the loopback address. */
public class OpenSearchNode {
  public static void main(String[] arguments) throws Exception {
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.onBuild((number, settings) -> {
      settings.put("http.port", arguments[1]);
      settings.put("http.host", "127.0.0.1");
      settings.put("transport.host", "127.0.0.1");
      settings.put("discovery.type", "single-node");
    });
    runner.build(
        OpenSearchRunner.newConfigs().basePath(arguments[0]).numOfNode(1).disableESLogger());
    new CountDownLatch(1).await();
  }
}
