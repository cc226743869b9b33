// What a page does with OpenFeature's web SDK; the story drives it through window.shop.
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

const shop = { ready: false, changes: [], failed: '' };
window.shop = shop;

shop.start = async (options, context) => {
  try {
    await OpenFeature.setContext(context);
    const client = OpenFeature.getClient();
    client.addHandler(ProviderEvents.ConfigurationChanged, (e) => shop.changes.push(...(e.flagsChanged ?? [])));
    await OpenFeature.setProviderAndWait(new OFREPWebProvider(options));
    shop.client = client;
    shop.ready = true;
  } catch (e) {
    shop.failed = String(e);
  }
};
shop.become = (context) => OpenFeature.setContext(context);
shop.value = (key) => shop.client.getStringDetails(key, 'fallback').value;
shop.reason = (key) => shop.client.getStringDetails(key, 'fallback').reason;
shop.on = (key) => shop.client.getBooleanValue(key, false);
