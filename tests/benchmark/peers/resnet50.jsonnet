// ResNet-50 (He et al. 2015, as in torchvision) for narchi.
local conv(id, channels, kernel, stride=1) = {
  _class: 'Conv2d', _id: id, output_feats: channels, kernel_size: kernel, stride: stride,
  padding: (kernel - 1) / 2, bias: false,
};
local norm(id) = { _class: 'BatchNorm2d', _id: id };
local relu(id) = { _class: 'ReLU', _id: id };

local shortcut(channels, stride) = {
  _class: 'Sequential', _id: 'downsample',
  blocks: [
    { _class: 'Conv2d', output_feats: channels, kernel_size: 1, stride: stride, padding: 0, bias: false },
    { _class: 'BatchNorm2d' },
  ],
};

local bottleneck(width, stride, first) = {
  _class: 'Group', _name: 'Bottleneck', input: 'ident', output: 'relu3',
  blocks: [
    { _class: 'Identity', _id: 'ident' },
    conv('conv1', width, 1), norm('bn1'), relu('relu1'),
    conv('conv2', width, 3, stride), norm('bn2'), relu('relu2'),
    conv('conv3', 4 * width, 1), norm('bn3'),
    { _class: 'Add', _id: 'add' }, relu('relu3'),
  ] + (if first then [shortcut(4 * width, stride)] else []),
  graph: [
    'ident -> conv1 -> bn1 -> relu1 -> conv2 -> bn2 -> relu2 -> conv3 -> bn3 -> add -> relu3',
    if first then 'ident -> downsample -> add' else 'ident -> add',
  ],
};

local stage(number, width, blocks, stride) = {
  _class: 'Sequential', _id: 'layer' + number,
  blocks: [bottleneck(width, if n == 0 then stride else 1, n == 0) for n in std.range(0, blocks - 1)],
};

{
  inputs: [{ _id: 'image', _shape: [3, '<<variable:H>>', '<<variable:W>>'] }],
  outputs: [{ _id: 'logits', _shape: [1000] }],
  blocks: [
    conv('conv1', 64, 7, 2), norm('bn1'), relu('relu'),
    { _class: 'MaxPool2d', _id: 'maxpool', kernel_size: 3, stride: 2, padding: 1 },
    stage(1, 64, 3, 1), stage(2, 128, 4, 2), stage(3, 256, 6, 2), stage(4, 512, 3, 2),
    { _class: 'AdaptiveAvgPool2d', _id: 'avgpool', output_feats: [1, 1] },
    { _class: 'Reshape', _id: 'flatten', reshape_spec: 'flatten' },
    { _class: 'Linear', _id: 'fc', output_feats: 1000 },
  ],
  graph: [
    'image -> conv1 -> bn1 -> relu -> maxpool -> layer1 -> layer2 -> layer3 -> layer4 -> avgpool -> flatten -> fc -> logits',
  ],
}
