"""Labels people try first; training shows them more often, so that a short training spends itself well."""

_TEXT = """
grinning face; smiling face with heart-eyes; smiling face with sunglasses; face with tears of joy; winking
face; loudly crying face; angry face; sleeping face; thinking face; partying face; nerd face; cowboy hat face;
robot; alien; ghost; skull; clown face; pile of poo; jack-o-lantern; grinning cat; red heart; blue heart;
green heart; purple heart; yellow heart; fire; star; glowing star; rainbow; sun; full moon; crescent moon;
cloud; cloud with rain; high voltage; snowflake; snowman; umbrella; water wave; droplet; cat face; cat; dog
face; dog; fox; wolf; bear; panda; koala; lion; tiger face; tiger; unicorn; horse; horse face; cow face; pig
face; mouse face; hamster; rabbit face; rabbit; frog; monkey face; monkey; chicken; penguin; duck; eagle; owl;
bat; turtle; snake; dragon; dragon face; t-rex; sauropod; whale; spouting whale; dolphin; fish; shark;
octopus; crab; lobster; snail; butterfly; honeybee; lady beetle; spider; elephant; giraffe; zebra; camel;
kangaroo; sloth; hedgehog; parrot; flamingo; peacock; swan; raccoon; tulip; rose; sunflower; cherry blossom;
hibiscus; cactus; palm tree; evergreen tree; deciduous tree; christmas tree; four leaf clover; mushroom; maple
leaf; potted plant; red apple; green apple; banana; strawberry; lemon; tangerine; grapes; watermelon;
cherries; peach; pineapple; mango; pear; coconut; avocado; tomato; carrot; ear of corn; broccoli; eggplant;
potato; hot pepper; bread; cheese wedge; pizza; hamburger; french fries; hot dog; taco; sushi; doughnut;
cookie; birthday cake; shortcake; cupcake; ice cream; soft ice cream; lollipop; candy; chocolate bar; egg;
cooking; popcorn; pancakes; hot beverage; beer mug; wine glass; teapot; glass of milk; automobile; taxi; bus;
police car; fire engine; ambulance; delivery truck; tractor; racing car; bicycle; motorcycle; locomotive;
airplane; helicopter; rocket; flying saucer; sailboat; ship; anchor; house; house with garden; castle;
japanese castle; tent; mountain; snow-capped mountain; volcano; desert island; bridge at night; ferris wheel;
soccer ball; basketball; tennis; trophy; video game; guitar; violin; drum; trumpet; musical keyboard; artist
palette; balloon; wrapped gift; party popper; crown; top hat; glasses; sunglasses; t-shirt; jeans; dress;
high-heeled shoe; running shoe; backpack; gem stone; ring; key; locked; hammer; crossed swords; dagger; bomb;
magnet; light bulb; candle; books; open book; pencil; scissors; camera; television; laptop; mobile phone;
telephone; alarm clock; hourglass done; bell; money bag; envelope; magnifying glass tilted left; crystal ball;
teddy bear; kite; game die; puzzle piece; eyes; brain; santa claus; mermaid; princess; astronaut; ninja; mage;
zombie
"""

EVERYDAY = frozenset(" ".join(label.split()) for label in _TEXT.split(";"))
