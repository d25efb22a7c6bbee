import { runService } from '@countersign/service';
import { apiService } from './service.ts';

await runService(apiService);
